"""Make untrusted text harmless, one module for each language a report is written in."""
