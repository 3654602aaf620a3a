//go:build arm64 && !purego

package kernel

// most is how many registers of a row the assembly takes at once. Beyond them there are two more
// forms for the last columns: half a register, and one value.
const (
	most   = 8
	half   = most + 1
	single = most + 2
)

// detect returns neon: every 64-bit ARM has it.
func detect() level { return neon }

// has says whether a machine of that level can run this one.
func (l level) has(machine level) bool { return l == plain || l == neon && machine == neon }

// lanes is how many values a register has.
func (l level) lanes() int {
	if l == neon {
		return 4
	}
	return 1
}

func (l level) mostSteps() int { return most }

// next returns the part from column from on, of at most regs registers, and the column
// after it. It returns no registers after the last part; the mask is not used.
func (l level) next(from, width, regs int) (p part, end int) {
	switch rest := width - from; {
	case rest >= 4:
		n := min(rest/4, regs)
		return part{from: from, regs: n}, from + 4*n
	case rest >= 2:
		return part{from: from, regs: half}, from + 2
	case rest == 1:
		return part{from: from, regs: single}, from + 1
	}
	return part{}, from
}

func (l level) sumRowsPart(dst, data *float32, stride, limit int, rows *int32, n int, p part) (ok bool) {
	return sumRowsNEON(dst, data, stride, limit, rows, n, p.regs)
}

func (l level) addToRowsPart(v, data *float32, stride, limit int, rows *int32, n int, p part) (ok bool) {
	return addToRowsNEON(v, data, stride, limit, rows, n, p.regs)
}

func (l level) addScaledToRowsPart(v, data *float32, stride, limit int, rows *int32, n int, p part, scale *float32) (ok bool) {
	return addScaledToRowsNEON(v, data, stride, limit, rows, n, p.regs, scale)
}

func (l level) dotsPart(out, data *float32, stride, n int, x *float32, p part) {
	dotsNEON(out, data, stride, n, x, p.regs)
}

func (l level) stepsPart(data *float32, stride, n int, alpha, x, grad *float32, p part) {
	stepsNEON(data, stride, n, alpha, x, grad, p.regs)
}

func (l level) maxWhole(v *float32, n int) float32 { return maxNEON(v, n) }

func (l level) expsWhole(v *float32, n int, shift float32) float32 { return expsNEON(v, n, shift) }

func (l level) sigmoidsWhole(v *float32, n int) { sigmoidsNEON(v, n) }

func (l level) fanScores(f *Fan, scores, x []float32, stride, n int) {
	if l == plain {
		f.plainScores(scores, x, stride, n)
		return
	}
	fanScoresNEON(&scores[0], &x[0], stride, n, f.dim, &f.rows)
}

func (l level) fanLearn(f *Fan, alpha, x, grad []float32, stride, n int) {
	if l == plain {
		f.plainLearn(alpha, x, grad, stride, n)
		return
	}
	fanLearnNEON(&alpha[0], &x[0], &grad[0], stride, n, f.dim, &f.rows)
}

func (l level) axpy(dst []float32, a float32, x []float32) {
	switch {
	case len(x) == 0:
	case l == plain:
		plainAxpy(dst, a, x)
	default:
		axpyNEON(&dst[0], &x[0], len(x), a)
	}
}

func (level) prefetchRowsPart(data *float32, stride int, rows *int32, n, lines int) {
	prefetchRows(data, stride, rows, n, lines)
}
