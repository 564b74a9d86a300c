// SPDX-License-Identifier: MIT
/* The small static program whose fork, exec and exit the benchmark takes as a unit. */
// cflags: -static
int main(void)
{
	return 0;
}
