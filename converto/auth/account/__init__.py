"""What a person does with their own account: its address, its password, its sessions, its name."""
