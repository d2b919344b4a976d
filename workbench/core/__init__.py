"""The seven nouns (Dataset, Task, Method, Recipe, Run, Event, Metric) and the ground they stand on. No ML import here."""
