"""Networks that EGA is compared with, each an adaptation that its own text tells apart."""
