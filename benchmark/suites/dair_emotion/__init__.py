"""dair-ai/emotion (Saravia et al. 2018, EMNLP, doi:10.18653/v1/D18-1404): six emotions in short English messages."""
