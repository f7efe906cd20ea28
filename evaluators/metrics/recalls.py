"""The metric of dynamic facial expression recognition: WAR and UAR, of one true label and a free answer.

WAR, the weighted average recall, weighs each true label's recall by how often the label is true, so it is the accuracy;
UAR weighs all true labels alike. Both are the metrics of DFEW (Jiang et al. 2020, doi:10.1145/3394171.3413620), and
R1-Omni prints them in this order (github.com/HumanMLLM/R1-Omni, humanomni/eval/eval_mafw_dfew.py). `labels.py` says how
labels are found in an answer, and what an answer counts as that names none of them.
"""

from evaluators.metrics.labels import Labels, accuracy, unweighted_recall

METRIC = Labels(name="recalls", shown=(("war", "WAR", accuracy), ("uar", "UAR", unweighted_recall)))
