"""From where a run stopped to what it was heading for: polish, channels, strata, and where to descend."""
