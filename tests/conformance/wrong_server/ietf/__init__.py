"""The IETF draft as the wrong server speaks it, beside tus."""
