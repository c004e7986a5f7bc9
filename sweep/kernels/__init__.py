"""Loss, gradient and Hessian of batches of students: compiled, with numpy, with PyTorch, and the slow reference."""
