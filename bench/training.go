package main

import (
	"context"
	"errors"
)

// training trains each task with all programs and compares time, memory and accuracy.
func training(ctx context.Context, b *bench) error {
	tasks, err := b.tasks()
	if err != nil {
		return err
	}
	more, err := b.moreTasks()
	if err != nil {
		return err
	}
	t := contestTable("P@1")
	var failed error
	for _, task := range append(tasks, more...) {
		runs := b.runs
		if task.name == "million" {
			runs = min(runs, 2) // takes so long that a mood of the machine averages out
		}
		failed = errors.Join(failed, b.hold(ctx, t, contest{
			what: task.String(), short: task.short, programs: b.programs(), runs: runs, goals: task.goals, training: true,
			run: func(ctx context.Context, p program) (sample, error) {
				s, model, err := b.train(ctx, p, "supervised", task.train, task.options)
				if err != nil {
					return s, err
				}
				defer discard(model)
				s.score, err = b.precisionOf(ctx, model, task.test)
				return s, err
			},
		}))
	}
	return failed
}
