package main

func constants() {
	for _, c := range series {
		p("DATA %s<>+0(SB)/4, $0x%08X // %s", c.name, c.bits, c.value)
		p("GLOBL %s<>(SB), RODATA|NOPTR, $4", c.name)
	}
	p("")
}

func (a isa) maxOf() {
	p("// func max%s(v *float32, n int) float32 // n > 0, whole registers", a.suffix)
	p("TEXT ·max%s(SB), NOSPLIT, $0-20", a.suffix)
	p("\tMOVQ v+0(FP), SI")
	p("\tMOVQ n+8(FP), CX")
	p("\tVMOVUPS (SI), %s", a.v(0))
	p("loop:")
	p("\tVMAXPS (SI), %s, %s", a.v(0), a.v(0))
	p("\tADDQ $%d, SI", a.bytes())
	p("\tSUBQ $%d, CX", a.lanes)
	p("\tJG loop")
	if a.lanes == 16 {
		p("\tVEXTRACTF64X4 $1, Z0, Y1")
		p("\tVMAXPS Y1, Y0, Y0")
	}
	p("\tVEXTRACTF128 $1, Y0, X1")
	p("\tVMAXPS X1, X0, X0")
	p("\tVPERMILPS $0x4E, X0, X1")
	p("\tVMAXPS X1, X0, X0")
	p("\tVPERMILPS $0xB1, X0, X1")
	p("\tVMAXPS X1, X0, X0")
	p("\tVMOVSS X0, ret+16(FP)")
	end()
}

// exps replaces values by exp(v-shift) and returns their sum, or by sigmoids.
func (a isa) exps(name string) {
	if name == "exps" {
		p("// func exps%s(v *float32, n int, shift float32) (sum float32) // whole registers", a.suffix)
		p("TEXT ·exps%s(SB), NOSPLIT, $0-28", a.suffix)
		p("\tVBROADCASTSS shift+16(FP), %s", a.v(1))
	} else {
		p("// func sigmoids%s(v *float32, n int) // whole registers", a.suffix)
		p("TEXT ·sigmoids%s(SB), NOSPLIT, $0-16", a.suffix)
		a.zero(1)
	}
	p("\tMOVQ v+0(FP), SI")
	p("\tMOVQ n+8(FP), CX")
	a.zero(0)
	p("\tVBROADCASTSS low<>(SB), %s", a.v(2))
	p("\tVBROADCASTSS log2e<>(SB), %s", a.v(3))
	for i, c := range polynomial {
		p("\tVBROADCASTSS %s<>(SB), %s", c, a.v(4+i))
	}
	one := 4 + len(polynomial) - 1
	if name == "sigmoids" {
		p("\tVBROADCASTSS high<>(SB), %s", a.v(15))
	}
	p("loop:")
	p("\tVMOVUPS (SI), %s", a.v(12))
	if name == "exps" {
		p("\tVSUBPS %s, %s, %s", a.v(1), a.v(12), a.v(12))
	} else {
		p("\tVSUBPS %s, %s, %s", a.v(12), a.v(1), a.v(12))
		p("\tVMINPS %s, %s, %s", a.v(12), a.v(15), a.v(12)) // the second operand survives NaN
	}
	p("\tVMAXPS %s, %s, %s", a.v(12), a.v(2), a.v(12))
	p("\tVMULPS %s, %s, %s", a.v(3), a.v(12), a.v(12))
	if a.lanes == 16 {
		p("\tVRNDSCALEPS $0, %s, %s", a.v(12), a.v(13))
	} else {
		p("\tVROUNDPS $0, %s, %s", a.v(12), a.v(13))
	}
	p("\tVSUBPS %s, %s, %s", a.v(13), a.v(12), a.v(12))
	p("\tVCVTPS2DQ %s, %s", a.v(13), a.v(13))
	p("\tVPSLLD $23, %s, %s", a.v(13), a.v(13))
	p("\tVMOVAPS %s, %s", a.v(4), a.v(14))
	for i := range polynomial[1:] {
		p("\tVFMADD213PS %s, %s, %s", a.v(5+i), a.v(12), a.v(14))
	}
	p("\tVPADDD %s, %s, %s", a.v(13), a.v(14), a.v(14))
	if name == "exps" {
		p("\tVADDPS %s, %s, %s", a.v(14), a.v(0), a.v(0))
	} else {
		p("\tVADDPS %s, %s, %s", a.v(one), a.v(14), a.v(14))
		p("\tVDIVPS %s, %s, %s", a.v(14), a.v(one), a.v(14))
	}
	p("\tVMOVUPS %s, (SI)", a.v(14))
	p("\tADDQ $%d, SI", a.bytes())
	p("\tSUBQ $%d, CX", a.lanes)
	p("\tJG loop")
	if name == "exps" {
		if a.lanes == 16 {
			p("\tVEXTRACTF64X4 $1, Z0, Y1")
			p("\tVADDPS Y1, Y0, Y0")
		}
		p("\tVEXTRACTF128 $1, Y0, X1")
		p("\tVADDPS X1, X0, X0")
		p("\tVHADDPS X0, X0, X0")
		p("\tVHADDPS X0, X0, X0")
		p("\tVMOVSS X0, sum+24(FP)")
	}
	end()
}

func prefetch() {
	prefetchFor("prefetchRows", "PREFETCHT0 (AX)")
	// PREFETCHW (AX), which the assembler does not know.
	prefetchFor("prefetchRowsToChange", "BYTE $0x0F; BYTE $0x0D; BYTE $0x08")
}

func prefetchFor(name, instruction string) {
	p("// func %s(data *float32, stride int, rows *int32, n, lines int)", name)
	p("TEXT ·%s(SB), NOSPLIT, $0-40", name)
	p("\tMOVQ data+0(FP), SI")
	p("\tMOVQ stride+8(FP), R8")
	p("\tMOVQ rows+16(FP), R10")
	p("\tMOVQ n+24(FP), CX")
	p("\tMOVQ lines+32(FP), BX")
	p("\tTESTQ CX, CX")
	p("\tJLE done")
	p("row:")
	p("\tMOVL (R10), AX")
	p("\tIMULQ R8, AX")
	p("\tADDQ SI, AX")
	p("\tMOVQ BX, DX")
	p("line:")
	p("\t%s", instruction)
	p("\tADDQ $64, AX")
	p("\tDECQ DX")
	p("\tJG line")
	p("\tADDQ $4, R10")
	p("\tDECQ CX")
	p("\tJNE row")
	p("done:")
	p("\tRET\n")
}

func cpuid() {
	p("// func cpuid(leaf, sub uint32) (a, b, c, d uint32)")
	p("TEXT ·cpuid(SB), NOSPLIT, $0-24")
	p("\tMOVL leaf+0(FP), AX")
	p("\tMOVL sub+4(FP), CX")
	p("\tCPUID")
	for i, r := range []string{"AX", "BX", "CX", "DX"} {
		p("\tMOVL %s, %c+%d(FP)", r, 'a'+i, 8+4*i)
	}
	p("\tRET\n")
	p("// func xgetbv() (low uint32)")
	p("TEXT ·xgetbv(SB), NOSPLIT, $0-4")
	p("\tXORL CX, CX")
	p("\tXGETBV")
	p("\tMOVL AX, low+0(FP)")
	p("\tRET")
}
