"""Studies: experiments whose answer is a page of docs/, each a folder with one command."""
