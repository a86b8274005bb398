"""Sound as words: the frames of a map told by the nearest of learnt ones, book after book.

A residual quantiser: the first book's nearest code is subtracted, the second book tells what is
left, and so on. Books are found by k-means, from sounds of the training alone, and are saved with
the network. Until they are learnt they are random, each half as wide as the one before, which is
an honest (and poor) quantiser of normalised maps.

    vector ─┬─ nearest of book 1 ─ c1
            └─ − ─┬─ nearest of book 2 ─ c2
                  └─ − ─ …                                vector ≈ book1[c1] + book2[c2] + …

References: B.-H. Juang and A. H. Gray, "Multiple stage vector quantization for speech coding",
ICASSP 1982; S. P. Lloyd, "Least squares quantization in PCM", IEEE TIT 28, 1982; D. Arthur and S.
Vassilvitskii, "k-means++", SODA 2007; N. Zeghidour et
al., "SoundStream", IEEE/ACM TASLP 30, 2022.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sonoscope.core.errors import InputError


class ResidualQuantiser(nn.Module):
    """Books of codes, and what they make of vectors.

    Parameters
    ----------
    n_books, n_codes, n_features
        How many books, codes in each, and numbers in a vector.

    Attributes
    ----------
    books
        `book code feature`, saved with the network.
    """

    books: Tensor

    def __init__(self, n_books: int, n_codes: int, n_features: int) -> None:
        super().__init__()
        width = 0.5 ** torch.arange(n_books)
        drawn = width[:, None, None] * torch.randn(n_books, n_codes, n_features)
        self.register_buffer("books", drawn)

    def forward(
        self, vectors: Float[Tensor, "batch token feature"], temperature: float = 0.0
    ) -> Int[Tensor, "batch token book"]:
        """Tell each vector by a code of each book.

        Parameters
        ----------
        temperature
            0 takes the nearest code. Above it codes are drawn, more rarely the farther they lie:
            with probabilities in proportion to exp(-d² / (temperature * d0²)), where d0 is the mean
            distance of the nearest. So one sound is told in several ways.
        """
        rest, codes = vectors.float(), []
        # half precision would take far codes for the nearest
        with torch.autocast(vectors.device.type, enabled=False):
            for book in self.books:
                squares = _squares(rest, book)
                if temperature > 0:
                    nearest = squares.amin(dim=2).mean()
                    squares = squares - temperature * nearest * _gumbel_like(squares)
                code = squares.argmin(dim=2)
                rest = rest - book[code]
                codes.append(code)
        return torch.stack(codes, dim=2)

    def restored(
        self, codes: Int[Tensor, "batch token book"]
    ) -> Float[Tensor, "batch token feature"]:
        """Give what codes stand for."""
        parts = [book[codes[..., i]] for i, book in enumerate(self.books)]
        return torch.stack(parts).sum(dim=0)

    @torch.no_grad()
    def learn(
        self,
        vectors: Float[Tensor, "vector feature"],
        generator: torch.Generator,
        rounds: int = 20,
        most: int = 16_384,
    ) -> None:
        """Find the books that tell some vectors best: k-means, each book on what the last left.

        Of more than `most` vectors so many are drawn.

        Raises
        ------
        InputError
            If there are fewer vectors than codes.
        """
        n_codes = self.books.shape[1]
        if len(vectors) < n_codes:
            raise InputError(
                f"vectors to learn codes from must be at least {n_codes}, "
                f"but {len(vectors)} were given"
            )
        drawn = torch.randperm(len(vectors), generator=generator)[:most]
        rest = vectors[drawn.to(vectors.device)]
        for i in range(len(self.books)):
            book = k_means(rest, n_codes, generator, rounds)
            self.books[i] = book
            rest = rest - book[_squares(rest, book).argmin(dim=1)]


def _gumbel_like(values: Tensor) -> Tensor:
    """Draw noise to which the greatest of sums is drawn as by softmax."""
    return -torch.log(-torch.log(torch.rand_like(values).clamp(1e-12, 1 - 1e-7)))


def k_means(
    vectors: Float[Tensor, "vector feature"],
    n_codes: int,
    generator: torch.Generator,
    rounds: int = 20,
) -> Float[Tensor, "code feature"]:
    """Find codes near which all vectors lie.

    Begins with vectors drawn at random, those first that lie far from what was drawn before
    (k-means++). A code that is nearest to no vector takes the place of one of the vectors that are
    told worst.
    """
    codes = _spread(vectors, n_codes, generator)
    for _ in range(rounds):
        near, nearest = _squares(vectors, codes).min(dim=1)
        count = torch.bincount(nearest, minlength=n_codes)
        codes = torch.zeros_like(codes).index_add_(0, nearest, vectors)
        codes = codes / count.clamp(min=1)[:, None]
        unused = (count == 0).nonzero()[:, 0]
        worst = near.argsort(descending=True)[: len(unused)]
        codes[unused] = vectors[worst]
    return codes


def _spread(
    vectors: Float[Tensor, "vector feature"], n_codes: int, generator: torch.Generator
) -> Float[Tensor, "code feature"]:
    """Draw vectors in proportion to their squared distance from those drawn before."""
    drawn = [int(torch.randint(len(vectors), (), generator=generator))]
    away = torch.full((len(vectors),), torch.inf, device=vectors.device)
    for _ in range(n_codes - 1):
        away = torch.minimum(away, _squares(vectors, vectors[drawn[-1:]])[:, 0])
        share = away.cpu().double().cumsum(dim=0)
        at = share[-1] * torch.rand((), generator=generator, dtype=torch.float64)
        drawn.append(min(int(torch.searchsorted(share, at)), len(vectors) - 1))
    return vectors[drawn].clone()


def _squares(
    vectors: Float[Tensor, "*vector feature"], codes: Float[Tensor, "code feature"]
) -> Float[Tensor, "*vector code"]:
    """Give squared distances."""
    length = vectors.square().sum(dim=-1, keepdim=True) + codes.square().sum(dim=1)
    return (length - 2 * (vectors @ codes.T)).clamp(min=0)
