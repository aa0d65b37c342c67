"""What is known of the noise."""
