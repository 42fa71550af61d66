"""`ctc score`: simulated days through the platform's readers, codec and folds, without Spark and the emulator, and scored."""
