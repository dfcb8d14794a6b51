"""What people and machines read: pages, tables and formats."""
