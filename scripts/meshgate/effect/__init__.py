"""What changes between two meshes."""
