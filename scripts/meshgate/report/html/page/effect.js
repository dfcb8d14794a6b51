function tellEffect() {}
