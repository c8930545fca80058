"""What is wrong with an installation before the first upload, and how to put it right.

One check a file; each is asked by assemble/doctor.py and gives findings. A check changes nothing that it does
not take back, and never makes what is not there.
"""
