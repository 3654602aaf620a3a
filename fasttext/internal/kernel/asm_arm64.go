//go:build arm64 && !purego

package kernel

// What the arguments mean: strides are in bytes but for those of fans, regs are the registers that the columns
// take, or half or single. A row number from limit on ends a call that returns false.

//go:noescape
func sumRowsNEON(dst, data *float32, stride, limit int, rows *int32, n, regs int) (ok bool)

//go:noescape
func addToRowsNEON(v, data *float32, stride, limit int, rows *int32, n, regs int) (ok bool)

//go:noescape
func addScaledToRowsNEON(v, data *float32, stride, limit int, rows *int32, n, regs int, scale *float32) (ok bool)

//go:noescape
func dotsNEON(out, data *float32, stride, n int, x *float32, regs int)

//go:noescape
func stepsNEON(data *float32, stride, n int, alpha, x, grad *float32, regs int)

//go:noescape
func maxNEON(v *float32, n int) float32

//go:noescape
func expsNEON(v *float32, n int, shift float32) (sum float32)

//go:noescape
func sigmoidsNEON(v *float32, n int)

//go:noescape
func fanScoresNEON(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func fanLearnNEON(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)

//go:noescape
func axpyNEON(dst, x *float32, n int, a float32)

//go:noescape
func prefetchRows(data *float32, stride int, rows *int32, n, lines int)
