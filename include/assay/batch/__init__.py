"""A batch in types: its run and params, plan and inputs, states, results, verdicts and gates."""
