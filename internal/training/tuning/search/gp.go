package search

import (
	"errors"
	"math"
)

// process is a Gaussian process that was fitted to observations: a distribution
// over the functions that may have made them. Its covariance is Matérn 5/2 with a
// length scale for each dimension (Rasmussen and Williams, Gaussian Processes for
// Machine Learning, equations 4.17 and 5.9), as Snoek, Larochelle and Adams
// recommend for hyperparameters (Practical Bayesian Optimization of Machine
// Learning Algorithms, 2012).
type process struct {
	x      [][]float64
	length []float64 // per dimension
	noise  float64   // variance of the observations, as a share of amplitude
	amp    float64   // variance of the function

	chol  []float64 // lower triangle of the covariance of x, over amp; n × n by rows
	alpha []float64 // its inverse times the observations
	mean  float64
}

var errNotPositive = errors.New("search: the covariance matrix is not positive definite")

// matern is the correlation at distance d.
func matern(d float64) float64 {
	r := math.Sqrt(5) * d
	return (1 + r + r*r/3) * math.Exp(-r)
}

func (g *process) correlation(a, b []float64) float64 {
	var sum float64
	for i, l := range g.length {
		d := (a[i] - b[i]) / l
		sum += d * d
	}
	return matern(math.Sqrt(sum))
}

// fit computes what prediction needs, and returns the logarithm of the likelihood
// of y, with the mean and the amplitude that make it largest.
func (g *process) fit(y []float64) (float64, error) {
	n := len(y)
	if cap(g.chol) < n*n {
		g.chol, g.alpha = make([]float64, n*n), make([]float64, n)
	}
	g.chol, g.alpha = g.chol[:n*n], g.alpha[:n]
	for i := range n {
		for j := range i {
			g.chol[i*n+j] = g.correlation(g.x[i], g.x[j])
		}
		g.chol[i*n+i] = 1 + g.noise + 1e-10
	}
	if err := cholesky(g.chol, n); err != nil {
		return 0, err
	}
	// The mean that makes y most likely is a weighted one (generalised least squares).
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	solve(g.chol, n, ones)
	var weights, sum float64
	for i, w := range ones {
		weights += w
		sum += w * y[i]
	}
	g.mean = sum / weights
	for i := range y {
		g.alpha[i] = y[i] - g.mean
	}
	solve(g.chol, n, g.alpha)
	var quadratic, logDet float64
	for i := range y {
		quadratic += (y[i] - g.mean) * g.alpha[i]
		logDet += 2 * math.Log(g.chol[i*n+i])
	}
	g.amp = max(quadratic/float64(n), 1e-12)
	return -0.5 * (float64(n)*math.Log(g.amp) + logDet + float64(n)), nil
}

// predict returns the mean and the standard deviation of the function at a point.
func (g *process) predict(at, scratch []float64) (mean, sd float64) {
	n := len(g.alpha)
	k := scratch[:n]
	mean = g.mean
	for i, x := range g.x {
		k[i] = g.correlation(at, x)
		mean += k[i] * g.alpha[i]
	}
	variance := 1.0
	for i := range n {
		row, v := g.chol[i*n:i*n+i], k[i]
		for j, l := range row {
			v -= l * k[j]
		}
		k[i] = v / g.chol[i*n+i]
		variance -= k[i] * k[i]
	}
	return mean, math.Sqrt(max(variance, 1e-12) * g.amp)
}

// cholesky replaces the lower triangle of a by its factor.
func cholesky(a []float64, n int) error {
	for i := range n {
		row := a[i*n : i*n+i+1]
		for j := range i {
			other := a[j*n : j*n+j+1]
			v := row[j]
			for k := range j {
				v -= row[k] * other[k]
			}
			row[j] = v / other[j]
		}
		v := row[i]
		for _, l := range row[:i] {
			v -= l * l
		}
		if !(v > 0) {
			return errNotPositive
		}
		row[i] = math.Sqrt(v)
	}
	return nil
}

// solve replaces b by the solution of the equations that chol is the factor of.
func solve(chol []float64, n int, b []float64) {
	for i := range n {
		v := b[i]
		for j, l := range chol[i*n : i*n+i] {
			v -= l * b[j]
		}
		b[i] = v / chol[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		v := b[i]
		for j := i + 1; j < n; j++ {
			v -= chol[j*n+i] * b[j]
		}
		b[i] = v / chol[i*n+i]
	}
}
