package kernel

import "math"

// narrow is the longest row whose sum is kept in registers, column block by column block.
const narrow = 16

// plainSumRows sets dst to the sum of the named rows. Rows are len(dst) long.
func plainSumRows(dst, data []float32, stride int, rows []int32) {
	if len(dst) > narrow {
		sumWide(dst, data, stride, rows)
		return
	}
	j := 0
	for ; len(dst)-j >= 10; j += 10 {
		sum10((*[10]float32)(dst[j:]), data[min(j, len(data)):], stride, rows)
	}
	for ; len(dst)-j >= 4; j += 4 {
		sum4((*[4]float32)(dst[j:]), data[min(j, len(data)):], stride, rows)
	}
	for ; j < len(dst); j++ {
		var s float32
		for _, r := range rows {
			s += data[int(r)*stride+j]
		}
		dst[j] = s
	}
}

func sum10(dst *[10]float32, data []float32, stride int, rows []int32) {
	var a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 float32
	for _, r := range rows {
		p := (*[10]float32)(data[int(r)*stride:])
		a0 += p[0]
		a1 += p[1]
		a2 += p[2]
		a3 += p[3]
		a4 += p[4]
		a5 += p[5]
		a6 += p[6]
		a7 += p[7]
		a8 += p[8]
		a9 += p[9]
	}
	*dst = [10]float32{a0, a1, a2, a3, a4, a5, a6, a7, a8, a9}
}

func sum4(dst *[4]float32, data []float32, stride int, rows []int32) {
	var a0, a1, a2, a3 float32
	for _, r := range rows {
		p := (*[4]float32)(data[int(r)*stride:])
		a0 += p[0]
		a1 += p[1]
		a2 += p[2]
		a3 += p[3]
	}
	*dst = [4]float32{a0, a1, a2, a3}
}

// sumWide takes four rows at a time, which divides the traffic to dst by four.
func sumWide(dst, data []float32, stride int, rows []int32) {
	clear(dst)
	n := len(dst)
	for ; len(rows) >= 4; rows = rows[4:] {
		p := data[int(rows[0])*stride:][:n]
		q := data[int(rows[1])*stride:][:n]
		r := data[int(rows[2])*stride:][:n]
		s := data[int(rows[3])*stride:][:n]
		for i := range dst {
			dst[i] += (p[i] + q[i]) + (r[i] + s[i])
		}
	}
	for _, r := range rows {
		Add(dst, data[int(r)*stride:][:n])
	}
}

// plainAddToRows adds v to each of the named rows.
func plainAddToRows(data []float32, stride int, rows []int32, v []float32) {
	if len(v) == 10 {
		add10(data, stride, rows, (*[10]float32)(v))
		return
	}
	for _, r := range rows {
		Add(data[int(r)*stride:][:len(v)], v)
	}
}

func add10(data []float32, stride int, rows []int32, v *[10]float32) {
	v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]
	for _, r := range rows {
		p := (*[10]float32)(data[int(r)*stride:])
		p[0] += v0
		p[1] += v1
		p[2] += v2
		p[3] += v3
		p[4] += v4
		p[5] += v5
		p[6] += v6
		p[7] += v7
		p[8] += v8
		p[9] += v9
	}
}

// Add adds v to dst, which is as long.
func Add(dst, v []float32) {
	dst = dst[:len(v)]
	for len(dst) >= 8 && len(v) >= 8 {
		d, s := (*[8]float32)(dst), (*[8]float32)(v)
		d[0] += s[0]
		d[1] += s[1]
		d[2] += s[2]
		d[3] += s[3]
		d[4] += s[4]
		d[5] += s[5]
		d[6] += s[6]
		d[7] += s[7]
		dst, v = dst[8:], v[8:]
	}
	for i := range v {
		dst[i] += v[i]
	}
}

// Scale multiplies v by a.
func Scale(v []float32, a float32) {
	for i := range v {
		v[i] *= a
	}
}

// plainDot returns the inner product of x and y, which is as long.
func plainDot(x, y []float32) float32 {
	var s0, s1, s2, s3 float32
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i := range x {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// plainDots sets out[i] to the inner product of row i and x, for the first len(out) rows.
func plainDots(out, data []float32, stride int, x []float32) {
	n := len(x)
	i := 0
	for ; i+4 <= len(out); i += 4 {
		r0 := data[i*stride:][:n]
		r1 := data[(i+1)*stride:][:n]
		r2 := data[(i+2)*stride:][:n]
		r3 := data[(i+3)*stride:][:n]
		var s0, s1, s2, s3, t0, t1, t2, t3 float32
		j := 0
		for ; j+1 < n; j += 2 {
			xj, yj := x[j], x[j+1]
			s0 += r0[j] * xj
			t0 += r0[j+1] * yj
			s1 += r1[j] * xj
			t1 += r1[j+1] * yj
			s2 += r2[j] * xj
			t2 += r2[j+1] * yj
			s3 += r3[j] * xj
			t3 += r3[j+1] * yj
		}
		if j < n {
			xj := x[j]
			s0 += r0[j] * xj
			s1 += r1[j] * xj
			s2 += r2[j] * xj
			s3 += r3[j] * xj
		}
		o := (*[4]float32)(out[i:])
		o[0], o[1], o[2], o[3] = s0+t0, s1+t1, s2+t2, s3+t3
	}
	for ; i < len(out); i++ {
		out[i] = plainDot(x, data[i*stride:])
	}
}

// plainSteps makes one gradient step for the first len(alpha) rows: row i adds
// alpha[i] times itself to grad, and then alpha[i] times x to itself.
func plainSteps(data []float32, stride int, alpha, x, grad []float32) {
	n := len(x)
	grad = grad[:n]
	i := 0
	for ; i+4 <= len(alpha); i += 4 {
		a0, a1, a2, a3 := alpha[i], alpha[i+1], alpha[i+2], alpha[i+3]
		r0 := data[i*stride:][:n]
		r1 := data[(i+1)*stride:][:n]
		r2 := data[(i+2)*stride:][:n]
		r3 := data[(i+3)*stride:][:n]
		for j, xj := range x {
			w0, w1, w2, w3 := r0[j], r1[j], r2[j], r3[j]
			grad[j] += (a0*w0 + a1*w1) + (a2*w2 + a3*w3)
			r0[j] = w0 + a0*xj
			r1[j] = w1 + a1*xj
			r2[j] = w2 + a2*xj
			r3[j] = w3 + a3*xj
		}
	}
	for ; i < len(alpha); i++ {
		plainStep(data[i*stride:], alpha[i], x, grad)
	}
}

// plainStep is plainSteps for one row.
func plainStep(row []float32, a float32, x, grad []float32) {
	row, grad = row[:len(x)], grad[:len(x)]
	for j, xj := range x {
		w := row[j]
		grad[j] += a * w
		row[j] = w + a*xj
	}
}

// plainAddScaledToRows adds scale[i] times v to row rows[i].
func plainAddScaledToRows(data []float32, stride int, rows []int32, scale, v []float32) {
	for i, r := range rows {
		a, row := scale[i], data[int(r)*stride:][:len(v)]
		for j, x := range v {
			row[j] += a * x
		}
	}
}

// plainExps replaces each value by its exponential over that of the highest one, and
// returns their sum.
func plainExps(v []float32) float32 {
	highest := v[0]
	for _, x := range v[1:] {
		highest = max(highest, x)
	}
	return plainExpsOver(v, highest)
}

func plainExpsOver(v []float32, highest float32) float32 {
	var sum float32
	for i, x := range v {
		v[i] = float32(math.Exp(float64(x - highest)))
		sum += v[i]
	}
	return sum
}

// plainSigmoids replaces each value x by 1/(1+exp(-x)).
func plainSigmoids(v []float32) {
	for i, x := range v {
		v[i] = float32(1 / (1 + math.Exp(-float64(x))))
	}
}
