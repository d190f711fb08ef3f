"""The results of a sweep: matrix, winners, mean gain and transfer."""
