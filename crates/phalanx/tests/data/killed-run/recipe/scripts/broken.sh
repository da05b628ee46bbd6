#!/bin/sh
problem disk error "the disk is full" "free some of it"
exit 3
