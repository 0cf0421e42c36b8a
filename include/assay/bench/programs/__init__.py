"""Programs that the bench starts: baselines, and parts of the product on their own.

They run in processes of their own, the Spark ones by spark-submit; none is part of the product.
"""
