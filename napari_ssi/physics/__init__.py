"""What blurred the specimen: forward models A, from the object to what the camera saw."""
