"""What the commands of promotion print: tables for people, JSON for programs."""
