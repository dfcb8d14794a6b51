"""What meets a cluster: the objects that sync it, what runs there, whether both agree."""
