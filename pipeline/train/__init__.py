"""Train the learned parts again: `python -m pipeline.train CORPORA`, with the extra `train` installed.

CORPORA is the folder of the annotated data: quotes_polnear_{train,dev}.jsonl and stance_newsmtsc_{train,rw_dev,mt_dev}
.jsonl. The files go to pipeline/annotate/weights; their SHA-256, printed at the end, belong into annotate/model.py.
About an hour on two free cores.
"""
