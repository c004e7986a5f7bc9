% The Hessian of the loss of Safran & Shamir (docs/gaussian-relu.md, Theorem 2) in intervals of octave-interval:
% enclosures of the students' blocks, pair by pair. Called by bench_gaussian_relu.py.
%
% w: (k, k) a student a row; the teacher is the identity. H: (k^2, k^2) intervals.
function H = gaussian_hessian (w)
  k = rows (w);
  W = infsup (w);
  E = infsup (eye (k));
  two_pi = 2 * infsup ("pi");
  lengths = sqrt (sum (W .^ 2, 2));
  U = W ./ lengths;
  H = infsup (zeros (k * k));
  for i = 1:k
    a = (i - 1) * k + (1:k);
    u = U(i, :);
    total = E / 2;
    for j = 1:(2 * k)
      if (j == i)
        continue;
      endif
      if (j <= k)
        v = U(j, :);
      else
        v = E(j - k, :);
      endif
      c = sum (u .* v);
      s = sqrt (1 - c .^ 2);
      q = c .* u - v;
      h1 = (s .^ 2 .* (E - u' .* u) + q' .* q) ./ (two_pi .* s .* lengths(i));
      if (j <= k)
        total = total + lengths(j) .* h1;
        b = (j - 1) * k + (1:k);
        cross = (u' .* v + v' .* u - c .* (u' .* u + v' .* v)) ./ s;
        H(a, b) = ((infsup ("pi") - acos (c)) .* E + cross) ./ two_pi;
      else
        total = total - h1;
      endif
    endfor
    H(a, a) = total;
  endfor
endfunction
