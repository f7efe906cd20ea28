"""Who judges an answer: step extractor, judge, scores."""
