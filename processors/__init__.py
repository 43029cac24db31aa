"""What reads: archives, and one processor per kind of content."""
