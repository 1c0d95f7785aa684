"""Talking to servers: addresses, credentials, downloads that resume, ranges kept on disk.

Nothing here knows of air quality; ``mmaq.acquire`` asks for files and gets them whole or not.
"""
