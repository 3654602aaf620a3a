module github.com/heliograph/heliograph

go 1.26
