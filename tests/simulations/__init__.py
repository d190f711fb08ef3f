"""Whole runs in memory against a server of known truth: how often is the verdict right?"""
