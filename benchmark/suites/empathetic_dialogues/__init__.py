"""EmpatheticDialogues (Rashkin et al. 2019, ACL, arXiv 1811.00207): replies to somebody who tells of a feeling."""
