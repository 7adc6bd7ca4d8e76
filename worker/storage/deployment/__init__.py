"""What a deployment needs of the database: migrations, rights, and checks before the start."""
