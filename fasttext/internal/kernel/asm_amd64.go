//go:build amd64 && !purego

package kernel

// What the arguments mean stands beside the assembly: strides are in bytes, regs are the
// registers that the columns take, and mask is that of the last one. row numbers from limit on
// end a call that returns false.

//go:noescape
func sumRowsAVX2(dst, data *float32, stride, limit int, rows *int32, n, regs, mask int) (ok bool)

//go:noescape
func addToRowsAVX2(v, data *float32, stride, limit int, rows *int32, n, regs, mask int) (ok bool)

//go:noescape
func addScaledToRowsAVX2(v, data *float32, stride, limit int, rows *int32, n, regs, mask int, scale *float32) (ok bool)

//go:noescape
func dotsAVX2(out, data *float32, stride, n int, x *float32, regs, mask int)

//go:noescape
func stepsAVX2(data *float32, stride, n int, alpha, x, grad *float32, regs, mask int)

//go:noescape
func maxAVX2(v *float32, n int) float32

//go:noescape
func expsAVX2(v *float32, n int, shift float32) (sum float32)

//go:noescape
func sigmoidsAVX2(v *float32, n int)

//go:noescape
func sumRowsAVX512(dst, data *float32, stride, limit int, rows *int32, n, regs, mask int) (ok bool)

//go:noescape
func addToRowsAVX512(v, data *float32, stride, limit int, rows *int32, n, regs, mask int) (ok bool)

//go:noescape
func addScaledToRowsAVX512(v, data *float32, stride, limit int, rows *int32, n, regs, mask int, scale *float32) (ok bool)

//go:noescape
func dotsAVX512(out, data *float32, stride, n int, x *float32, regs, mask int)

//go:noescape
func stepsAVX512(data *float32, stride, n int, alpha, x, grad *float32, regs, mask int)

//go:noescape
func maxAVX512(v *float32, n int) float32

//go:noescape
func expsAVX512(v *float32, n int, shift float32) (sum float32)

//go:noescape
func sigmoidsAVX512(v *float32, n int)

//go:noescape
func prefetchRows(data *float32, stride int, rows *int32, n, lines int)

//go:noescape
func prefetchRowsToChange(data *float32, stride int, rows *int32, n, lines int)

//go:noescape
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

//go:noescape
func xgetbv() (low uint32)
