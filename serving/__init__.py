"""Text from models: engines that stream, a pool that holds them in memory, a duet of two streams.

Knows no votes, no pages and no tables. Heavy libraries (torch, transformers, bitsandbytes, openai)
are imported when an engine is built, never before.
"""
