"""Real tus clients against the real program: tus-js-client in Node, tuspy, aiohttp, curl."""
