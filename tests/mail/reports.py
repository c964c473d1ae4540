"""Delivery reports as mail servers write them, each in the manner of one of them; ``{id}`` is the letter's Message-ID."""

from __future__ import annotations

LETTER = """\
From: Training <training@example.org>
To: Ada <ada@example.com>
Subject: Your training is due
Message-ID: {id}

Hello Ada
"""


def multipart(status: str, *, words: str = "It did not work.", returned: str = LETTER, kind: str = "rfc822") -> str:
    """A report in three parts: words, status, and what is left of the letter."""
    return f"""\
From: MAILER-DAEMON@relay.example.org (Mail Delivery System)
To: bounces@example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="edge"

--edge
Content-Type: text/plain; charset=us-ascii

{words}

--edge
Content-Type: message/delivery-status

{status}
--edge
Content-Type: {"message/rfc822" if kind == "rfc822" else "text/rfc822-headers"}

{returned}
--edge--
"""


POSTFIX = multipart("""\
Reporting-MTA: dns; relay.example.org
X-Postfix-Queue-ID: 4XyZ
X-Postfix-Sender: rfc822; bounces@example.org

Final-Recipient: rfc822; ada@example.com
Original-Recipient: rfc822;ada@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.com>: Recipient address
    rejected: User unknown
""")
EXCHANGE = multipart(
    """\
Reporting-MTA: dns;EX01.corp.example.com
Received-From-MTA: dns;relay.example.org

Final-Recipient: RFC822;ada@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver; QuotaExceededException
X-Display-Name: ada@example.com
""",
    kind="headers",
)
SES = multipart("""\
Reporting-MTA: dns; a8-60.smtp-out.example.net

Action: failed
Final-Recipient: rfc822; ada@example.com
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
Status: 5.1.1
""")
DELAYED = multipart("""\
Reporting-MTA: dns; relay.example.org

Final-Recipient: rfc822; ada@example.com
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mx.example.com[192.0.2.1]:25: Connection timed out
Will-Retry-Until: Fri, 27 Nov 2026 10:00:00 +0000
""")
DELIVERED = multipart("""\
Reporting-MTA: dns; mx.example.com

Original-Recipient: rfc822;ada@example.com
Final-Recipient: rfc822; ada@example.com
Action: delivered
Status: 2.0.0
""")
FORWARDED = multipart("""\
Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; ada.elsewhere@example.net
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp; 550 5.7.1 not accepted here
""")
TWO_RECIPIENTS = multipart("""\
Reporting-MTA: dns; relay.example.org

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.1.1

Final-Recipient: rfc822; archive@example.com
Action: delayed
Status: 4.2.2
""")
ENVELOPE_ID_ONLY = multipart(
    """\
Reporting-MTA: dns; relay.example.org
Original-Envelope-Id: {envelope}

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.0.0
""",
    returned="",
)
# Exim's older reports and qmail's have no status part: who failed stands in a header, or in words.
EXIM = (
    """\
From: Mail Delivery System <Mailer-Daemon@relay.example.org>
To: bounces@example.org
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: ada@example.com
Auto-Submitted: auto-replied

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.com
    SMTP error from remote mail server after RCPT TO:<ada@example.com>:
    550 5.1.1 no such user here

------ This is a copy of the message, including all the headers. ------

"""
    + LETTER
)
OUT_OF_OFFICE = """\
From: Ada <ada@example.com>
To: training@example.org
Subject: Automatic reply: Your training is due
Auto-Submitted: auto-replied
In-Reply-To: {id}

I am away until Monday.
"""
READ_RECEIPT = """\
From: Ada <ada@example.com>
To: training@example.org
Subject: Read: Your training is due
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="edge"

--edge
Content-Type: text/plain

It was read.
--edge
Content-Type: message/disposition-notification

Original-Message-ID: {id}
Disposition: manual-action/MDN-sent-manually; displayed
--edge--
"""
A_PERSON = """\
From: Ada <ada@example.com>
To: training@example.org
Subject: Re: Your training is due

Which link do you mean?
"""


def about(report: str, message_id: str = "<recertification.1.abc@example.org>") -> bytes:
    """The report about the letter of this Message-ID."""
    envelope = message_id.strip("<>")
    return report.replace("{id}", message_id).replace("{envelope}", envelope).encode()
