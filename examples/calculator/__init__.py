"""One service without trio: a blocking client and a server of threads, and the same pair on asyncio."""
