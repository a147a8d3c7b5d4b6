"""The paper's tables, each with one call: what is trained, measured, and told beside the paper's figures."""
