package main

// fanSize is kernel.FanSize.
const fanSize = 6

// fanForms are the numbers of columns that a step takes: two registers, one, and one value.
var fanForms = []struct {
	label string
	lane  lane
}{
	{"eight", lane{"", 2, "FMOVQ", 16}}, {"four", lane{"", 1, "FMOVQ", 16}}, {"one", lane{"", 1, "FMOVS", 4}},
}

// fanRows loads the pointers to the rows, a table in R7, into R8 to R13.
func fanRows() {
	for k := range fanSize {
		p("\tMOVD %d(R7), R%d", 8*k, 8+k)
	}
}

// neonFanScores has a sum for each row and, of eight columns, for each half. R14 is the place in bytes, R15 how many columns are left.
func neonFanScores() {
	p("// func fanScoresNEON(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)")
	p("TEXT ·fanScoresNEON(SB), NOSPLIT, $0-48")
	arguments("abcdeh", "scores", "x", "stride", "n", "dim", "rows")
	p("\tLSL $2, R2")
	fanRows()
	p("vector:")
	for i := range 2 * fanSize {
		zero(i)
	}
	p("\tMOVD R1, R5")
	p("\tMOVD $0, R14")
	p("\tMOVD R4, R15")
	for f, form := range fanForms {
		columns := form.lane.regs * form.lane.bytes / 4
		p("%s:", form.label)
		p("\tCMP $%d, R15", columns)
		p("\tBLT %sdone", form.label)
		p("\tADD R14, R1, R5")
		form.lane.load("R5", 12)
		for k := range fanSize {
			p("\tADD R14, R%d, R5", 8+k)
			form.lane.load("R5", 14+2*(k%3))
			for i := range form.lane.regs {
				multiplyAdd(12+i, 14+2*(k%3)+i, 2*k+i)
			}
		}
		p("\tADD $%d, R14", 4*columns)
		p("\tSUB $%d, R15", columns)
		if f != 1 {
			p("\tB %s", form.label)
		}
		p("%sdone:", form.label)
	}
	for k := range fanSize {
		three("FADD", 2*k+1, 2*k, 2*k)
	}
	three("FADDP", 2, 0, 0)
	three("FADDP", 6, 4, 4)
	three("FADDP", 4, 0, 0)
	three("FADDP", 10, 8, 8)
	three("FADDP", 8, 8, 8)
	p("\tFMOVQ F0, (R0)")
	p("\tFMOVD F8, 16(R0)")
	p("\tADD $32, R0")
	p("\tADD R2, R1")
	p("\tSUBS $1, R3, R3")
	p("\tBNE vector")
	p("\tRET\n")
}

// neonFanLearn holds a few columns of all rows, as they were and as they become, while it goes through the vectors.
func neonFanLearn() {
	p("// func fanLearnNEON(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)")
	p("TEXT ·fanLearnNEON(SB), NOSPLIT, $0-56")
	arguments("abcdefh", "alpha", "x", "grad", "stride", "n", "dim", "rows")
	p("\tLSL $2, R3")
	fanRows()
	p("\tMOVD $0, R14")
	const x, grad, alpha = 24, 26, 28
	old := func(k, i int) int { return 2*k + i }
	sum := func(k, i int) int { return 12 + 2*k + i }
	for f, form := range fanForms {
		columns := form.lane.regs * form.lane.bytes / 4
		p("%s:", form.label)
		p("\tCMP $%d, R5", columns)
		p("\tBLT %sdone", form.label)
		for k := range fanSize {
			p("\tADD R14, R%d, R15", 8+k)
			form.lane.load("R15", old(k, 0))
			for i := range form.lane.regs {
				p("\tVMOV V%d.B16, V%d.B16", old(k, i), sum(k, i))
			}
		}
		p("\tMOVD R0, R6") // alpha
		p("\tADD R14, R1, R15")
		p("\tADD R14, R2, R16")
		p("\tMOVD R4, R17")
		p("%svector:", form.label)
		form.lane.load("R15", x)
		form.lane.load("R16", grad)
		p("\tFMOVQ (R6), F%d", alpha)
		p("\tFMOVD 16(R6), F%d", alpha+1)
		for k := range fanSize {
			for i := range form.lane.regs {
				multiplyLane(alpha+k/4, k%4, old(k, i), grad+i)
				multiplyLane(alpha+k/4, k%4, x+i, sum(k, i))
			}
		}
		form.lane.store(grad, "R16")
		p("\tADD $32, R6")
		p("\tADD R3, R15")
		p("\tADD R3, R16")
		p("\tSUBS $1, R17, R17")
		p("\tBNE %svector", form.label)
		for k := range fanSize {
			p("\tADD R14, R%d, R15", 8+k)
			form.lane.store(sum(k, 0), "R15")
		}
		p("\tADD $%d, R14", 4*columns)
		p("\tSUB $%d, R5", columns)
		if f != 1 {
			p("\tB %s", form.label)
		}
		p("%sdone:", form.label)
	}
	p("\tRET\n")
}

func neonAxpy() {
	p("// func axpyNEON(dst, x *float32, n int, a float32)")
	p("TEXT ·axpyNEON(SB), NOSPLIT, $0-28")
	arguments("abf", "dst", "x", "n")
	p("\tMOVWU a+24(FP), R4")
	p("\tVDUP R4, V8.S4")
	forms := []lane{{"sixteen", 4, "FMOVQ", 16}, {"four", 1, "FMOVQ", 16}, {"one", 1, "FMOVS", 4}}
	for _, l := range forms {
		columns := l.regs * l.bytes / 4
		p("%s:", l.label)
		p("\tSUBS $%d, R5, R5", columns)
		p("\tBLT %sdone", l.label)
		l.load("R1", 0)
		l.load("R0", 4)
		for i := range l.regs {
			multiplyAdd(8, i, 4+i)
		}
		l.store(4, "R0")
		p("\tADD $%d, R0", 4*columns)
		p("\tADD $%d, R1", 4*columns)
		p("\tB %s", l.label)
		p("%sdone:", l.label)
		p("\tADD $%d, R5", columns)
	}
	p("\tRET\n")
}
