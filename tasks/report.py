"""The run page's artifacts: a progress bar and the dashboard, one of each, rewritten as the rollout goes on."""

from __future__ import annotations

from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.logging import get_run_logger

from tasks.overview import Overview
from tasks.report_text import dashboard, progress


def publish(seen: Overview, page: str) -> None:
    """Show where the rollout stands, and where *page* of the console is. A dashboard that cannot be written never stops the work it is about."""
    try:
        _publish(seen, page)
    except Exception as error:  # noqa: BLE001 - whatever it was, the ledger is right and the page is only late
        get_run_logger().warning("The dashboard could not be rewritten: %s", type(error).__name__)


def _publish(seen: Overview, console: str) -> None:
    bar, page = f"rollout-{seen.rollout.id}-progress", f"rollout-{seen.rollout.id}"
    if (known := _find(bar)) is None:
        create_progress_artifact(progress(seen), key=bar, description="Steps of the checklist that are done")
    else:
        _rewrite(known, progress(seen))
    if (known := _find(page)) is None:
        create_markdown_artifact(dashboard(seen, console), key=page, description="Where the rollout stands")
    else:
        _rewrite(known, dashboard(seen, console))


def _find(key: str) -> UUID | None:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return found[0].id if found else None


def _rewrite(artifact: UUID, content: str | float) -> None:
    with get_client(sync_client=True) as client:
        client.update_artifact(artifact, ArtifactUpdate(data=content))
