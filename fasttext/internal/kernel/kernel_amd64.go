//go:build amd64 && !purego

package kernel

// most is how many registers of a row the assembly takes at once.
const most = 8

// detect asks the processor for what it has, and the system for what it keeps when it switches threads.
func detect() level {
	highest, _, _, _ := cpuid(0, 0)
	if highest < 7 {
		return plain
	}
	const fma, osxsave, avx = 1 << 12, 1 << 27, 1 << 28
	if _, _, c, _ := cpuid(1, 0); c&(fma|osxsave|avx) != fma|osxsave|avx {
		return plain
	}
	const ymm, zmm = 0b110, 0b11100110
	saved := xgetbv()
	_, b, _, _ := cpuid(7, 0)
	const hasAVX2, has512 = 1 << 5, 1<<16 | 1<<17 | 1<<30 // AVX-512 F, DQ and BW
	switch {
	case saved&zmm == zmm && b&(hasAVX2|has512) == hasAVX2|has512:
		return avx512
	case saved&ymm == ymm && b&hasAVX2 != 0:
		return avx2
	}
	return plain
}

// has says whether a machine of that level can run this one.
func (l level) has(machine level) bool { return l == plain || l <= machine && l <= avx512 }

// lanes is how many values a register has.
func (l level) lanes() int {
	switch l {
	case avx512:
		return 16
	case avx2:
		return 8
	}
	return 1
}

// mostSteps is most for steps, which take more registers.
func (l level) mostSteps() int {
	if l == avx512 {
		return most
	}
	return most / 2
}

// next returns the part from column from on, of at most regs registers, and the column
// after it. It returns no registers after the last part, and for columns
// that assembly leaves over.
func (l level) next(from, width, regs int) (p part, end int) {
	if l == avx512 {
		cols := min(width-from, regs*16)
		p = part{from, (cols + 15) / 16, 1<<((cols-1)%16+1) - 1}
		return p, from + max(cols, 0)
	}
	cols := min((width-from)&^7, regs*8)
	return part{from: from, regs: cols / 8}, from + cols
}

func (l level) sumRowsPart(dst, data *float32, stride, limit int, rows *int32, n int, p part) (ok bool) {
	if l == avx512 {
		return sumRowsAVX512(dst, data, stride, limit, rows, n, p.regs, p.mask)
	}
	return sumRowsAVX2(dst, data, stride, limit, rows, n, p.regs, p.mask)
}

func (l level) addToRowsPart(v, data *float32, stride, limit int, rows *int32, n int, p part) (ok bool) {
	if l == avx512 {
		return addToRowsAVX512(v, data, stride, limit, rows, n, p.regs, p.mask)
	}
	return addToRowsAVX2(v, data, stride, limit, rows, n, p.regs, p.mask)
}

func (l level) addScaledToRowsPart(v, data *float32, stride, limit int, rows *int32, n int, p part, scale *float32) (ok bool) {
	if l == avx512 {
		return addScaledToRowsAVX512(v, data, stride, limit, rows, n, p.regs, p.mask, scale)
	}
	return addScaledToRowsAVX2(v, data, stride, limit, rows, n, p.regs, p.mask, scale)
}

func (l level) dotsPart(out, data *float32, stride, n int, x *float32, p part) {
	if l == avx512 {
		dotsAVX512(out, data, stride, n, x, p.regs, p.mask)
		return
	}
	dotsAVX2(out, data, stride, n, x, p.regs, p.mask)
}

func (l level) stepsPart(data *float32, stride, n int, alpha, x, grad *float32, p part) {
	if l == avx512 {
		stepsAVX512(data, stride, n, alpha, x, grad, p.regs, p.mask)
		return
	}
	stepsAVX2(data, stride, n, alpha, x, grad, p.regs, p.mask)
}

func (l level) maxWhole(v *float32, n int) float32 {
	if l == avx512 {
		return maxAVX512(v, n)
	}
	return maxAVX2(v, n)
}

func (l level) expsWhole(v *float32, n int, shift float32) float32 {
	if l == avx512 {
		return expsAVX512(v, n, shift)
	}
	return expsAVX2(v, n, shift)
}

func (l level) sigmoidsWhole(v *float32, n int) {
	if l == avx512 {
		sigmoidsAVX512(v, n)
		return
	}
	sigmoidsAVX2(v, n)
}

// prefetchRowsPart asks for lines that nobody else has, where every processor of the level can: else a line that another core has changed would be
// sent for twice, to be read and to be changed.
func (l level) prefetchRowsPart(data *float32, stride int, rows *int32, n, lines int) {
	if l == avx512 {
		prefetchRowsToChange(data, stride, rows, n, lines)
		return
	}
	prefetchRows(data, stride, rows, n, lines)
}
