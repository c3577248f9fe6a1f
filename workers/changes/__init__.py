"""Follows what changes in the clusters: rollouts, scaling, ConfigMaps, nodes, failed jobs, releases, certificates.

`stream` hears, `collector` compares with what is remembered, the modules beside it say what a difference means.
No Secret and no pod is read here, and no value of a ConfigMap or of a variable is ever kept.
"""
