"""Promotion: what each guard, gate, flow, forge and page says and does."""
