"""EmoBench (Sabour et al. 2024, ACL, https://aclanthology.org/2024.acl-long.326): scenarios in English and Chinese."""
