"""What promotion does: plan, promote, merge, roll back, hotfix, hold, resume, reject, record."""
