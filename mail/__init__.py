"""The post: the only importer of aiosmtplib."""
