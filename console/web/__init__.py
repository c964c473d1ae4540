"""The web console: pages for operators and approvers, rendered here; no rules, no SQL, no JavaScript that is needed."""
