"""Read answers out of the free text that language models write.

The package only reads; the metrics decide what is right. An answer is taken from where the reply
states it, else from its conclusion. A reply that declines, contradicts itself or was cut off has
no answer. `paper` reads as the reference implementation of the paper does.
"""
