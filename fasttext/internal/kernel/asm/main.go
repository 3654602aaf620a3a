// Command asm writes the assembly of package kernel: the same loops for AVX2, for
// AVX-512 and for NEON, unrolled for each number of registers that a part of a row takes.
//
// A function gets a part of the columns that fits into registers and is called once for
// each part. With AVX-512 the last register of a part is masked; with AVX2 the columns must
// fill the registers, and Go code does the rest.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
)

var out bytes.Buffer

func p(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }

func main() {
	for name, text := range files() {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// files returns the text of each file.
func files() map[string][]byte {
	all := map[string][]byte{}
	for name, print := range map[string]func(){"kernel_amd64.s": avx, "kernel_arm64.s": neon} {
		out.Reset()
		print()
		all[name] = bytes.Clone(out.Bytes())
	}
	return all
}

// The exponential is 2**n * 2**f with f from -0.5 to 0.5: 2**f by its Taylor series
// up to the sixth power, which is good to the last bit but one.
var polynomial = []string{"c6", "c5", "c4", "c3", "c2", "c1", "one"}

var series = []struct {
	name  string
	value string
	bits  uint32
}{
	{"low", "-87", 0xC2AE0000}, {"high", "87", 0x42AE0000}, {"log2e", "log2(e)", 0x3FB8AA3B}, {"one", "1", 0x3F800000},
	{"c1", "ln(2)", 0x3F317218}, {"c2", "ln(2)^2/2", 0x3E75FDF0}, {"c3", "ln(2)^3/6", 0x3D635847},
	{"c4", "ln(2)^4/24", 0x3C1D955B}, {"c5", "ln(2)^5/120", 0x3AAEC3FF}, {"c6", "ln(2)^6/720", 0x39218489},
}
